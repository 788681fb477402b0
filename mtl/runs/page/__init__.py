"""``report.html``: runs and their comparison as one page that needs nothing beside it."""
