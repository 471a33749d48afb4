"""What AWS's error codes mean to a scan: denied, throttled, worth another try, or final."""

from auditor.findings import GapKind

# The codes that botocore's own retry rules (data/_retry.json and retries/standard.py) treat as throttling.
THROTTLED = frozenset(
    """
    Throttling ThrottlingException ThrottledException RequestThrottledException TooManyRequestsException
    ProvisionedThroughputExceededException TransactionInProgressException RequestLimitExceeded BandwidthLimitExceeded
    RequestThrottled SlowDown PriorRequestNotComplete EC2ThrottledException
    """.split()
)
TRANSIENT = frozenset(
    """
    RequestTimeout RequestTimeoutException InternalError InternalFailure InternalServerError InternalServerException
    ServiceUnavailable ServiceUnavailableException Unavailable
    """.split()
)
DENIED = frozenset(
    """
    AccessDenied AccessDeniedException AccessDeniedFault AuthorizationError AuthorizationErrorException
    NotAuthorized UnauthorizedOperation UnauthorizedAccess Forbidden ForbiddenException 403
    """.split()
)
# The credentials themselves are refused: no permission would mend that.
CREDENTIALS = frozenset(
    """
    AuthFailure ExpiredToken ExpiredTokenException InvalidAccessKeyId InvalidClientTokenId InvalidSignatureException
    InvalidToken IncompleteSignature MissingAuthenticationToken NotSignedUp OptInRequired RequestExpired
    SignatureDoesNotMatch TokenRefreshRequired UnrecognizedClientException
    """.split()
)


def is_throttle(code: str, status: int) -> bool:
    """Whether AWS told to slow down."""
    return code in THROTTLED or status == 429


def is_transient(code: str, status: int) -> bool:
    """Whether the same call may well succeed a moment later."""
    return code in TRANSIENT or status in (500, 502, 503, 504)


def kind_of(code: str, status: int) -> GapKind:
    """Why a call that will not be tried again went unanswered."""
    if is_throttle(code, status):
        return GapKind.THROTTLED
    # Services have spellings of their own (KMSAccessDeniedException).
    denied = code in DENIED or any(word in code for word in ("AccessDenied", "NotAuthorized"))
    if denied or (status == 403 and code not in CREDENTIALS):
        return GapKind.DENIED
    return GapKind.FAILED
