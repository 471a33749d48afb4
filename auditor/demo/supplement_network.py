"""What moto lacks of EFS's backups and of Direct Connect: files that nobody backs up, and no lines."""

from auditor.demo.protocol import Answer, Error

ANSWERS: dict[str, Answer] = {
    "backup:DescribeProtectedResource": Error("ResourceNotFoundException", "The resource is not protected", 400),
    "directconnect:DescribeDirectConnectGatewayAssociations": {"directConnectGatewayAssociations": []},
    "directconnect:DescribeVirtualInterfaces": {"virtualInterfaces": []},
}
