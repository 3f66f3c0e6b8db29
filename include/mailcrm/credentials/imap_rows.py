"""What IMAP servers really say when they refuse, provider by provider."""

from mailcrm.credentials.answers import AnswerKind, RetryPlan, Row

__all__ = ["IMAP_ROWS"]

_K = AnswerKind


_GMAIL = "Gmail, https://support.google.com/mail/answer/7126229"
_GMAIL_APP = "Gmail, https://support.google.com/accounts/answer/185833"
_EXCHANGE = "Exchange, https://imapsync.lamiral.info/FAQ.d/FAQ.Office365.txt"
_YAHOO = "Yahoo, https://help.yahoo.com/kb/SLN15241.html"
_YAHOO_RATE = "Yahoo, https://github.com/postalsys/imapflow/issues/75"
_ICLOUD = "iCloud, https://support.apple.com/102654"
_ZOHO = "Zoho, https://www.zoho.com/mail/help/imap-access.html"
_QQ = "QQ, http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256"
_NETEASE = "163 and 126, https://github.com/mjs/imapclient/issues/544"
_YANDEX = "Yandex, https://github.com/Foundry376/Mailspring/issues/2111"
_MAILRU = "Mail.ru, https://help.mail.ru/mail/security/protection/external/"
_DOVECOT = "Dovecot, src/auth and src/imap-login of dovecot/core"
_CYRUS = "Cyrus, imap/imap_err.et of cyrus-imapd"
_FASTMAIL = "Fastmail, https://www.fastmail.help/hc/en-us/articles/360058752854"

# First match wins: the narrower text stands before the wider one.
IMAP_ROWS: tuple[Row, ...] = (
    Row(
        "application-specific password required",
        _K.APP_PASSWORD,
        "[ALERT] Application-specific password required: "
        "https://support.google.com/accounts/answer/185833 (Failure)",
        _GMAIL_APP,
        "Create an app password in the Google account (2-step verification must be on) and store "
        "its 16 letters as the password of the connection {connection}.",
    ),
    Row(
        "please log in via your web browser",
        _K.WEB_LOGIN,
        "[ALERT] Please log in via your web browser: "
        "https://support.google.com/mail/accounts/answer/78754 (Failure)",
        "Gmail, https://github.com/barbushin/php-imap/issues/87",
    ),
    Row("web login required", _K.WEB_LOGIN, "[WEBALERT https://x] Web login required.", _GMAIL),
    Row(
        "not enabled for imap use",
        _K.PROTOCOL_DISABLED,
        "[ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page "
        "and enable your account for IMAP access. (Failure)",
        _GMAIL,
    ),
    Row(
        "imap access is disabled for your domain",
        _K.PROTOCOL_DISABLED,
        "[ALERT] IMAP access is disabled for your domain. Please contact your domain "
        "administrator for questions about this feature. (Failure)",
        _GMAIL,
        "Ask the Google Workspace administrator to switch on IMAP access for this mailbox.",
    ),
    Row(
        "invalid credentials (failure)",
        _K.CREDENTIALS,
        "[AUTHENTICATIONFAILED] Invalid credentials (Failure)",
        _GMAIL,
        "Gmail takes the full address as login and an app password (not the account's own) as "
        "password: check both in the connection {connection}.",
    ),
    Row(
        "too many simultaneous connections",
        _K.TOO_MANY_CONNECTIONS,
        "[ALERT] Too many simultaneous connections. (Failure)",
        "Gmail, https://github.com/MailCore/mailcore2/issues/587",
    ),
    Row(
        "account exceeded command or bandwidth limits",
        _K.THROTTLED,
        "[OVERQUOTA] Account exceeded command or bandwidth limits.",
        "Gmail, https://github.com/ljmerza/ha-email-sensor/issues/16; the limits: "
        "https://support.google.com/a/answer/1071518",
        retry=RetryPlan.TOMORROW,
    ),
    Row(
        "system error (failure)",
        _K.TEMPORARY,
        "System Error (Failure)",
        "Gmail, https://github.com/imapsync/imapsync/issues/120",
    ),
    Row("lookup failed", _K.TEMPORARY, "[ALERT] Lookup failed (Failure)", _GMAIL),
    Row(
        "request is throttled",
        _K.THROTTLED,
        "Request is throttled. Suggested Backoff Time: 299961 milliseconds",
        _EXCHANGE,
    ),
    Row(
        "authenticated but not connected",
        _K.NOT_CONNECTED,
        "User is authenticated but not connected.",
        "Exchange, https://github.com/imapsync/imapsync/issues/411",
        "Exchange let the login in and opened no mailbox: check that the login of {connection} "
        "names this mailbox (for a shared one often user@domain/shared) and that IMAP is enabled "
        "for it; a wrong password or a token of another account is answered in the same way.",
    ),
    Row(
        "accesstokenexpired",
        _K.TOKEN_EXPIRED,
        "Session invalidated - AccessTokenExpired",
        _EXCHANGE,
    ),
    Row(
        "server unavailable",
        _K.TEMPORARY,
        "Server Unavailable. 15",
        "Exchange, https://github.com/lefcha/imapfilter/issues/146",
    ),
    Row("connection is closed", _K.TEMPORARY, "Connection is closed. 13", _EXCHANGE),
    Row(
        "basicauthblocked",
        _K.OAUTH_NEEDED,
        'LOGIN failed. [Error="BasicAuthBlocked" AuthResultFromPopImapEnd=0]',
        _EXCHANGE,
    ),
    Row(
        "authenticate failed.",
        _K.OAUTH_NEEDED,
        "AUTHENTICATE failed.",
        "Exchange, https://github.com/MicrosoftDocs/office-developer-exchange-docs/issues/87",
    ),
    Row(
        "login failed.",
        _K.CREDENTIALS,
        "LOGIN failed.",
        _EXCHANGE,
        "Check login and password in the connection {connection}; at Microsoft 365 passwords no "
        "longer work for IMAP, so set auth: xoauth2 there.",
    ),
    Row(
        "login rate limit",
        _K.THROTTLED,
        "[LIMIT] LOGIN Rate limit hit.",
        _YAHOO_RATE,
    ),
    Row("rate limit", _K.THROTTLED, "[LIMIT] FETCH Rate limit hit.", _YAHOO_RATE),
    Row(
        "too many bad login attempts",
        _K.ACCOUNT_LOCKED,
        "Too many bad login attempts.",
        "Yahoo, https://github.com/jstedfast/MailKit/issues/320",
    ),
    Row(
        "login invalid credentials or imap is disabled",
        # It may be the password as well: not to be tried again.
        _K.APP_PASSWORD,
        "[AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled sc=cYXlpv732Cg1",
        _YANDEX,
        "Allow mail programs (IMAP) in the Yandex settings, create an app password, and store it "
        "in the connection {connection}.",
    ),
    Row(
        "login invalid credentials",
        _K.APP_PASSWORD,
        "[AUTHENTICATIONFAILED] LOGIN Invalid credentials",
        _YAHOO,
        "Yahoo takes only app passwords: create one in the account's security page and store it "
        "as the password of the connection {connection}, with the full address as login.",
    ),
    Row(
        "server error - please try again later",
        _K.TEMPORARY,
        "[UNAVAILABLE] LOGIN Server error - Please try again later",
        _YAHOO,
    ),
    Row(
        "yet to enable imap",
        _K.PROTOCOL_DISABLED,
        "[ALERT] You are yet to enable IMAP for your account. Please contact your administrator "
        "(Failure)",
        _ZOHO,
    ),
    Row(
        "invalid credentials(failure)",
        _K.CREDENTIALS,
        "[AUTHENTICATIONFAILED] Invalid credentials(Failure)",
        _ZOHO,
        "Check the host of your Zoho region (imap.zoho.com, .eu, .in …) in imap.host, then login "
        "and password in {connection}; with two-factor sign-in Zoho wants an app password.",
    ),
    Row("account is blocked", _K.ACCOUNT_LOCKED, "[ALERT] Account is blocked (Failure)", _ZOHO),
    Row(
        "authorization code",
        _K.APP_PASSWORD,
        "Login fail. Please using authorization code to login. More information in "
        "http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256",
        _QQ,
        "Create an authorisation code in the QQ mail settings and store it as the password of the "
        "connection {connection}.",
    ),
    Row(
        "account is abnormal",
        _K.APP_PASSWORD,
        "Login fail. Account is abnormal, service is not open, password is incorrect, login "
        "frequency limited, or system is busy.",
        _QQ,
        "Switch on the IMAP/SMTP service in the QQ mail settings and store a fresh authorisation "
        "code in the connection {connection}.",
    ),
    Row(
        "unsafe login",
        _K.POLICY,
        "EXAMINE Unsafe Login. Please contact kefu@188.com for help",
        _NETEASE,
        "NetEase did not trust this client: switch on IMAP in the mailbox's settings and use an "
        "authorisation code as the password of the connection {connection}.",
    ),
    Row(
        "application password is required",
        _K.APP_PASSWORD,
        "[AUTHENTICATIONFAILED] NEOBHODIM parol prilozheniya / Application password is REQUIRED",
        _MAILRU,
    ),
    Row(
        "plaintext authentication disallowed",
        _K.ENCRYPTION_NEEDED,
        "[PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure (SSL/TLS) "
        "connections.",
        _DOVECOT,
    ),
    Row(
        "cleartext authentication disallowed",
        _K.ENCRYPTION_NEEDED,
        "[PRIVACYREQUIRED] Cleartext authentication disallowed on non-secure (SSL/TLS) "
        "connections.",
        _DOVECOT,
    ),
    Row(
        "maximum number of connections",
        _K.TOO_MANY_CONNECTIONS,
        "[LIMIT] Maximum number of connections from user+IP exceeded "
        "(mail_max_userip_connections=10)",
        _DOVECOT,
    ),
    Row(
        "temporary authentication failure",
        _K.TEMPORARY,
        "[UNAVAILABLE] Temporary authentication failure. [mail:2026-11-22 17:00:00]",
        _DOVECOT,
    ),
    Row(
        "internal error occurred",
        _K.TEMPORARY,
        "[SERVERBUG] Internal error occurred. Refer to server log for more information.",
        _DOVECOT,
    ),
    Row(
        "mailbox doesn't exist",
        _K.FOLDER_MISSING,
        "[NONEXISTENT] Mailbox doesn't exist: Archive/2026",
        _DOVECOT,
    ),
    Row(
        "mailbox isn't selectable",
        _K.FOLDER_MISSING,
        "[NONEXISTENT] Mailbox isn't selectable: Archive",
        _DOVECOT,
        "The folder only holds other folders: name those in folders instead.",
    ),
    Row(
        "permission denied",
        _K.NO_PERMISSION,
        "[NOPERM] Permission denied",
        _DOVECOT,
    ),
    Row(
        "login disabled for this user",
        _K.PROTOCOL_DISABLED,
        "[AUTHORIZATIONFAILED] Login disabled for this user",
        _DOVECOT,
    ),
    Row(
        "authentication failed.",
        _K.CREDENTIALS,
        "[AUTHENTICATIONFAILED] Authentication failed.",
        _DOVECOT + "; iCloud alike",
    ),
    Row("disconnected for inactivity", _K.TEMPORARY, "Disconnected for inactivity.", _DOVECOT),
    Row("password expired", _K.PASSWORD_EXPIRED, "[EXPIRED] Password expired", _DOVECOT),
    Row("login failed: ", _K.CREDENTIALS, "Login failed: authentication failure", _CYRUS),
    Row(
        "mailbox does not exist",
        _K.FOLDER_MISSING,
        "Mailbox does not exist",
        _CYRUS,
    ),
    Row("over quota", _K.OVER_QUOTA, "[OVERQUOTA] Over quota", _CYRUS),
    Row(
        "incorrect username, password or access token",
        _K.APP_PASSWORD,
        "[AUTHENTICATIONFAILED] Incorrect username, password or access token",
        _FASTMAIL,
    ),
)
