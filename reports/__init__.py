"""Report formats: one module each, found by looking in this package."""
