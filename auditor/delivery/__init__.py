"""Delivers an audit: to S3, and to who wants to hear of what changed (SNS, EventBridge, Security Hub)."""
