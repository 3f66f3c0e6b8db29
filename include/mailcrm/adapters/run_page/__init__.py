"""A run's report: one HTML page that needs nothing else, and a short Markdown form."""

from mailcrm.adapters.run_page.files import write_run_page
from mailcrm.adapters.run_page.html import render_html
from mailcrm.adapters.run_page.markdown import render_markdown

__all__ = ["render_html", "render_markdown", "write_run_page"]
