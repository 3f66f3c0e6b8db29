"""The database behind everything: registry, ledger, staging and CRM tables (SQLAlchemy Core)."""
