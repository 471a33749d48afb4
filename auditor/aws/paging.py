"""How an operation is paged: as botocore's table says or, without an entry there, as its own members show."""

from collections.abc import Iterator, Mapping
from typing import Any

import jmespath

# The members by which AWS's APIs hand out a token for the next page, with the parameters that may take it back.
TOKENS = {
    "NextToken": ("NextToken",),
    "nextToken": ("nextToken",),
    "Marker": ("Marker",),
    "NextMarker": ("Marker", "NextMarker"),
    "nextMarker": ("marker",),
    "NextContinuationToken": ("ContinuationToken",),
}


def paging(table: Mapping[str, Any], operation: Any) -> Mapping[str, Any] | None:
    """The paging of an operation (a botocore OperationModel), in the form of botocore's table; None if it has none.

    botocore's tables lack entries for some operations that do page; read by one page only, those would be silently
    incomplete.
    """
    if operation.name in table:
        entry: Mapping[str, Any] = table[operation.name]
        return entry
    taken = operation.input_shape.members if operation.input_shape else {}
    for place, given in _structures(operation.output_shape):
        for output, parameters in TOKENS.items():
            for parameter in parameters:
                if output in given and parameter in taken:
                    more = {"more_results": f"{place}IsTruncated"} if "IsTruncated" in given else {}
                    return {"input_token": parameter, "output_token": f"{place}{output}", **more}
    return None


def _structures(shape: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The members of an answer, and those of the one structure that it may be wrapped in (CloudFront)."""
    members = shape.members if shape is not None else {}
    yield "", members
    for name, member in members.items():
        if member.type_name == "structure":
            yield f"{name}.", member.members


def following(paging: Mapping[str, Any], page: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that ask for the next page; empty after the last."""
    if "more_results" in paging and not jmespath.search(paging["more_results"], page):
        return {}
    inputs, outputs = paging["input_token"], paging["output_token"]
    inputs = inputs if isinstance(inputs, list) else [inputs]
    outputs = outputs if isinstance(outputs, list) else [outputs]
    tokens = {name: jmespath.search(path, page) for name, path in zip(inputs, outputs, strict=True)}
    return {name: token for name, token in tokens.items() if token}
