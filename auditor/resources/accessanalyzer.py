"""IAM Access Analyzer."""

from auditor.fetch import Listing
from auditor.model import Resource


class Analyzer(Resource):
    """An analyzer: ACCOUNT or ORGANIZATION for external access, *_UNUSED_ACCESS and *_INTERNAL_ACCESS for others.

    An organization's analyzer is listed in the account that it belongs to, and not in the member accounts.
    """

    service, cfn_type = "accessanalyzer", "AWS::AccessAnalyzer::Analyzer"
    listing = Listing("ListAnalyzers", at="analyzers")
    id_field = "name"
    name_field = "name"

    name: str
    type: str
    status: str

    @property
    def is_active(self) -> bool:
        """Whether it analyses: not while it is made, disabled or broken."""
        return self.status == "ACTIVE"
