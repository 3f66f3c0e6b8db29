"""The database behind everything: registry, ledger, staging and the CRM tables (SQLAlchemy Core)."""
