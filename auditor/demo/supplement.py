"""What moto lacks: the answers of an account that never touched the feature."""

from auditor.demo.protocol import Answer

SUPPLEMENT: dict[str, Answer] = {}
