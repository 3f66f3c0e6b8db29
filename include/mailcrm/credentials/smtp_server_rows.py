"""What SMTP server software and sending services really say when they refuse."""

from mailcrm.credentials.answers import AnswerKind, RetryPlan, Row

__all__ = ["SMTP_SERVER_ROWS"]

_K = AnswerKind

_POSTFIX = "Postfix, src/smtpd of postfix"
_EXIM = "Exim, src/smtp_in.c of exim"
_SES = "Amazon SES, https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html"
_SENDGRID = "SendGrid, https://www.twilio.com/docs/sendgrid"
_GMX = "GMX and WEB.DE, https://postmaster.gmx.net/en/error-messages"
_FASTMAIL = "Fastmail, https://www.fastmail.help/hc/en-us/articles/360058752854"

# First match wins: the narrower text stands before the wider one.
SMTP_SERVER_ROWS: tuple[Row, ...] = (
    Row(
        "not owned by",
        _K.IDENTITY,
        "553 5.7.1 <sales@acme.example>: Sender address rejected: not owned by user jane",
        _POSTFIX + "; Yandex alike",
    ),
    Row(
        "not logged in",
        _K.IDENTITY,
        "553 5.7.1 <sales@acme.example>: Sender address rejected: not logged in",
        _POSTFIX,
    ),
    Row(
        "domain not found",
        _K.IDENTITY,
        "450 4.1.8 <sales@acme.example>: Sender address rejected: Domain not found",
        _POSTFIX,
        "The server cannot find the domain of address in DNS: correct address.",
        retry=RetryPlan.LATER,
    ),
    Row(
        "sender address rejected",
        _K.IDENTITY,
        "550 5.1.0 <sales@acme.example>: Sender address rejected: User unknown",
        _POSTFIX,
    ),
    Row(
        "connection lost to authentication server",
        _K.TEMPORARY,
        "454 4.7.0 Temporary authentication failure: Connection lost to authentication server",
        _POSTFIX,
    ),
    Row(
        "tls not available",
        _K.TEMPORARY,
        "454 4.7.0 TLS not available due to local problem",
        _POSTFIX,
    ),
    Row(
        "must issue a starttls command first",
        _K.ENCRYPTION_NEEDED,
        "530 5.7.0 Must issue a STARTTLS command first",
        _POSTFIX,
    ),
    Row(
        "authentication not enabled",
        _K.MECHANISM,
        "503 5.5.1 Error: authentication not enabled",
        _POSTFIX,
        "The server takes no login there: use the submission port (587 with starttls, or 465 with "
        "tls) in smtp.port and smtp.encryption.",
    ),
    Row(
        "cannot find your hostname",
        _K.POLICY,
        "450 4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]",
        _POSTFIX,
        retry=RetryPlan.LATER,
    ),
    Row(
        "client host rejected", _K.POLICY, "554 5.7.1 Client host rejected: Access denied", _POSTFIX
    ),
    Row(
        "helo command rejected",
        _K.POLICY,
        "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname",
        _POSTFIX,
    ),
    Row(
        "too many connections",
        _K.TOO_MANY_CONNECTIONS,
        "421 4.7.0 Error: too many connections from 192.0.2.1",
        _POSTFIX,
    ),
    Row(
        "insufficient system storage",
        _K.OVER_QUOTA,
        "452 4.3.1 Insufficient system storage",
        _POSTFIX,
    ),
    Row(
        "no mechanism available",
        _K.MECHANISM,
        "535 5.7.8 Error: authentication failed: no mechanism available",
        _POSTFIX,
    ),
    Row(
        "error: authentication failed",
        _K.CREDENTIALS,
        "535 5.7.8 Error: authentication failed: authentication failure",
        _POSTFIX + "; iCloud, Yandex and 163 alike",
    ),
    Row(
        "incorrect authentication data",
        _K.CREDENTIALS,
        "535 Incorrect authentication data",
        _EXIM,
    ),
    Row(
        "unable to authenticate at present",
        _K.TEMPORARY,
        "435 Unable to authenticate at present",
        _EXIM,
    ),
    Row(
        "auth command used when not advertised",
        _K.ENCRYPTION_NEEDED,
        "503 AUTH command used when not advertised",
        _EXIM,
    ),
    Row(
        "sender verify failed",
        _K.IDENTITY,
        "550 Sender verify failed",
        _EXIM,
    ),
    Row("tls currently unavailable", _K.TEMPORARY, "454 TLS currently unavailable", _EXIM),
    Row(
        "too many concurrent smtp connections",
        _K.TOO_MANY_CONNECTIONS,
        "421 Too many concurrent SMTP connections; please try again later.",
        _EXIM,
    ),
    Row(
        "temporary local problem",
        _K.TEMPORARY,
        "451 Temporary local problem - please try later",
        _EXIM,
    ),
    Row(
        "turn on smtp authentication",
        _K.MECHANISM,
        "550 Please turn on SMTP Authentication in your mail client.",
        _EXIM,
    ),
    Row(
        "authentication credentials invalid",
        _K.CREDENTIALS,
        "535 Authentication Credentials Invalid",
        _SES,
        "The login or password in {connection} is wrong; Amazon SES wants its own SMTP "
        "credentials, not the access keys.",
    ),
    Row(
        "is not verified",
        _K.IDENTITY,
        "554 Message rejected: Email address is not verified.",
        _SES,
        "Verify address (or its domain) as a sender at the provider.",
    ),
    Row(
        "maximum sending rate exceeded",
        _K.THROTTLED,
        "454 Throttling failure: Maximum sending rate exceeded.",
        _SES,
    ),
    Row(
        "daily message quota exceeded",
        _K.SENDING_LIMIT,
        "454 Throttling failure: Daily message quota exceeded.",
        _SES,
    ),
    Row(
        "verified sender identity",
        _K.IDENTITY,
        "550 The from address does not match a verified Sender Identity.",
        _SENDGRID,
        "Verify address (or its domain) as a sender at the provider.",
    ),
    Row(
        "bad username / password",
        _K.CREDENTIALS,
        "535 Authentication failed: Bad username / password",
        _SENDGRID,
        "SendGrid's login is the word apikey and the password an API key: check both in "
        "{connection}.",
    ),
    Row(
        "sender address is not allowed",
        _K.IDENTITY,
        "550 Requested action not taken: mailbox unavailable. Sender address is not allowed.",
        _GMX,
    ),
    Row(
        "reject due to policy restrictions",
        _K.POLICY,
        "554 Transaction failed. Reject due to policy restrictions.",
        _GMX,
    ),
    Row(
        "incorrect username, password or access token",
        _K.APP_PASSWORD,
        "535 5.7.8 Incorrect username, password or access token",
        _FASTMAIL,
    ),
    Row(
        "535 authentication failed",
        _K.CREDENTIALS,
        "535 Authentication Failed",
        "Zoho, https://www.zoho.com/mail/help/smtp-errors.html; others alike",
        "Check login and password in the connection {connection}, and that smtp.host is the one of "
        "your region (at Zoho smtp.zoho.com, .eu, .in …); with two-factor sign-in an app password "
        "is needed.",
    ),
)
