"""Integrations with other libraries; each library is imported by one module only."""
