"""The demo's fictional company, its mail, and the mail server that holds it."""
