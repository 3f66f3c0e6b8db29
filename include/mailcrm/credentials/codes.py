"""What the standard response, reply and enhanced codes mean by themselves."""

from mailcrm.credentials.answers import AnswerKind

__all__ = ["IMAP_CODES", "SMTP_CODES"]

_K = AnswerKind

# RFC 5530 §3, RFC 9051 §7.1, RFC 2221, RFC 4978: response code -> what it means by itself.
IMAP_CODES: dict[str, AnswerKind] = {
    "UNAVAILABLE": _K.TEMPORARY,
    "AUTHENTICATIONFAILED": _K.CREDENTIALS,
    "AUTHORIZATIONFAILED": _K.NO_PERMISSION,
    "EXPIRED": _K.PASSWORD_EXPIRED,
    "PRIVACYREQUIRED": _K.ENCRYPTION_NEEDED,
    "CONTACTADMIN": _K.POLICY,
    "NOPERM": _K.NO_PERMISSION,
    "INUSE": _K.TEMPORARY,
    "EXPUNGEISSUED": _K.TEMPORARY,
    "CORRUPTION": _K.POLICY,
    "SERVERBUG": _K.TEMPORARY,
    "CLIENTBUG": _K.UNSUPPORTED,
    "CANNOT": _K.FOLDER_MISSING,
    "LIMIT": _K.TOO_MANY_CONNECTIONS,
    "OVERQUOTA": _K.OVER_QUOTA,
    "ALREADYEXISTS": _K.UNSUPPORTED,
    "NONEXISTENT": _K.FOLDER_MISSING,
    "TRYCREATE": _K.FOLDER_MISSING,
    "REFERRAL": _K.POLICY,
    "THROTTLED": _K.THROTTLED,
    "WEBALERT": _K.WEB_LOGIN,
}

# RFC 4954 §6, RFC 3463 §3.8, RFC 5248 registry, RFC 5321 §4.2: code -> what it means by itself.
# Keys are "reply enhanced", then "enhanced", then "reply"; the first that is there counts.
SMTP_CODES: dict[str, AnswerKind] = {
    "421": _K.TEMPORARY,
    "432": _K.WEB_LOGIN,  # RFC 4954: a password transition is needed
    "450": _K.TEMPORARY,
    "451": _K.TEMPORARY,
    "452": _K.OVER_QUOTA,
    "454": _K.TEMPORARY,
    "455": _K.UNSUPPORTED,
    "500": _K.UNSUPPORTED,
    "501": _K.UNSUPPORTED,
    "502": _K.UNSUPPORTED,
    "503": _K.UNSUPPORTED,
    "504": _K.MECHANISM,
    "521": _K.POLICY,
    "523": _K.ENCRYPTION_NEEDED,
    "524": _K.WEB_LOGIN,
    "525": _K.ACCOUNT_LOCKED,
    "530": _K.ENCRYPTION_NEEDED,
    "534": _K.MECHANISM,
    "535": _K.CREDENTIALS,
    "538": _K.ENCRYPTION_NEEDED,
    "553": _K.IDENTITY,
    "554": _K.POLICY,
    "556": _K.POLICY,
    "4.3.2": _K.TEMPORARY,
    "4.7.0": _K.TEMPORARY,
    "5.7.4": _K.MECHANISM,
    "5.7.8": _K.CREDENTIALS,
    "5.7.9": _K.MECHANISM,
    "5.7.10": _K.ENCRYPTION_NEEDED,
    "5.7.11": _K.ENCRYPTION_NEEDED,
    "5.7.12": _K.WEB_LOGIN,
    "5.7.13": _K.ACCOUNT_LOCKED,
}
