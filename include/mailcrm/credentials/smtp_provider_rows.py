"""What the SMTP servers of mail providers really say when they refuse."""

from mailcrm.credentials.answers import AnswerKind, RetryPlan, Row

__all__ = ["SMTP_PROVIDER_ROWS"]

_K = AnswerKind

_GMAIL = "Gmail, https://support.google.com/a/answer/3726730"
_MICROSOFT = (
    "Exchange Online, https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/"
    "authenticated-client-smtp-submission"
)
_MS_DSN = (
    "Exchange Online, https://learn.microsoft.com/exchange/mail-flow-best-practices/"
    "non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online"
)
_YAHOO = "Yahoo, https://help.yahoo.com/kb/SLN15241.html"
_ICLOUD = "iCloud, https://support.apple.com/102525"
_ZOHO = "Zoho, https://www.zoho.com/mail/help/smtp-errors.html"
_QQ = "QQ, https://github.com/YMFE/yapi/issues/2219"
_NETEASE = "163 and 126, https://help.mail.163.com"
_YANDEX = "Yandex, https://yandex.com/support/mail/mail-clients/others.html"
_MAILRU = "Mail.ru, https://help.mail.ru/mail/security/protection/external/"

# First match wins: the narrower text stands before the wider one.
SMTP_PROVIDER_ROWS: tuple[Row, ...] = (
    Row(
        "application-specific password required",
        _K.APP_PASSWORD,
        "534 5.7.9 Application-specific password required. For more information, go to "
        "https://support.google.com/mail/?p=InvalidSecondFactor - gsmtp",
        _GMAIL,
        "Create an app password in the Google account (2-step verification must be on) and store "
        "its 16 letters as the password of the connection {connection}.",
    ),
    Row(
        "web browser",
        _K.WEB_LOGIN,
        "534 5.7.14 Please log in via your web browser and then try again. Learn more at "
        "https://support.google.com/mail/answer/78754 - gsmtp",
        _GMAIL,
    ),
    Row(
        "username and password not accepted",
        _K.CREDENTIALS,
        "535 5.7.8 Username and Password not accepted. For more information, go to "
        "https://support.google.com/mail/?p=BadCredentials - gsmtp",
        _GMAIL,
        "Gmail takes the full address as login and an app password (not the account's own) as "
        "password: check both in the connection {connection}.",
    ),
    Row(
        "too many login attempts",
        _K.THROTTLED,
        "454 4.7.0 Too many login attempts, please try again later. - gsmtp",
        _GMAIL,
    ),
    Row(
        "cannot authenticate due to temporary system problem",
        _K.TEMPORARY,
        "454 4.7.0 Cannot authenticate due to temporary system problem. Try again later. - gsmtp",
        _GMAIL,
    ),
    Row(
        "sending quota exceeded",
        _K.SENDING_LIMIT,
        "550 5.4.5 Daily sending quota exceeded. - gsmtp",
        _GMAIL,
    ),
    Row(
        "user sending limit exceeded",
        _K.SENDING_LIMIT,
        "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending "
        "limits go to https://support.google.com/a/answer/166852 - gsmtp",
        _GMAIL,
    ),
    Row(
        "smtp relay limit exceeded",
        _K.SENDING_LIMIT,
        "550 5.4.5 Daily SMTP relay limit exceeded for customer. - gsmtp",
        _GMAIL,
    ),
    Row(
        "unusual rate of unsolicited mail",
        _K.POLICY,
        "421 4.7.0 Our system has detected an unusual rate of unsolicited mail originating from "
        "your IP address. - gsmtp",
        _GMAIL,
        retry=RetryPlan.TOMORROW,
    ),
    Row("server busy", _K.TEMPORARY, "421 4.4.5 Server busy, try again later. - gsmtp", _GMAIL),
    Row(
        "invalid credentials for relay",
        _K.POLICY,
        "550 5.7.1 Invalid credentials for relay. The IP address you've registered in your "
        "Workspace SMTP Relay service doesn't match the domain of the account. - gsmtp",
        _GMAIL,
    ),
    Row(
        "basic authentication is disabled",
        _K.OAUTH_NEEDED,
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
        _MICROSOFT,
    ),
    Row(
        "smtpclientauthentication is disabled",
        _K.PROTOCOL_DISABLED,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
        "Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.",
        _MICROSOFT,
        "Ask the Microsoft 365 administrator to enable Authenticated SMTP for the organisation or "
        "this mailbox; the connection {connection} may be right as it is.",
    ),
    Row(
        "blocked by security defaults",
        _K.OAUTH_NEEDED,
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security "
        "defaults policy (blocked by security defaults). Contact your administrator.",
        _MICROSOFT,
    ),
    Row(
        "did not meet the criteria to be authenticated",
        _K.OAUTH_NEEDED,
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be "
        "authenticated successfully. Contact your administrator.",
        _MICROSOFT,
    ),
    Row(
        "account is locked",
        _K.ACCOUNT_LOCKED,
        "535 5.7.139 Authentication unsuccessful, the user account is locked.",
        _MICROSOFT,
    ),
    Row(
        "the user credentials were incorrect",
        _K.CREDENTIALS,
        "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
        _MICROSOFT,
    ),
    Row(
        "535 5.7.3",
        _K.CREDENTIALS,
        "535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.eurprd01.prod.exchangelabs.com]",
        "Exchange, https://github.com/jstedfast/MailKit/issues/700",
    ),
    Row(
        "unrecognized authentication type",
        _K.OAUTH_NEEDED,
        "504 5.7.4 Unrecognized authentication type",
        _MICROSOFT,
    ),
    Row(
        "concurrent connections limit exceeded",
        _K.TOO_MANY_CONNECTIONS,
        "432 4.3.2 Concurrent connections limit exceeded. Visit "
        "https://aka.ms/concurrent_sending for more information.",
        _MICROSOFT,
    ),
    Row(
        "tls 1.0 and 1.1 are not supported",
        _K.POLICY,
        "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client",
        _MICROSOFT,
    ),
    Row(
        "does not have permissions to send as this sender",
        _K.IDENTITY,
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        _MS_DSN,
    ),
    Row(
        "sendasdenied",
        _K.IDENTITY,
        "554 5.2.252 SendAsDenied; user@x not allowed to send as sales@x",
        _MS_DSN,
    ),
    Row(
        "5.7.57",
        _K.ENCRYPTION_NEEDED,
        "530 5.7.57 Client not authenticated to send mail.",
        _MS_DSN,
        "The server wants a login over encryption first: set smtp.port to 587 and "
        "smtp.encryption to starttls.",
    ),
    Row(
        "access denied, traffic not accepted from this ip",
        _K.POLICY,
        "550 5.7.708 Access denied, traffic not accepted from this IP.",
        _MS_DSN,
    ),
    Row(
        "insufficient system resources",
        _K.TEMPORARY,
        "452 4.3.1 Insufficient system resources",
        _MS_DSN,
    ),
    Row(
        "too many bad auth attempts",
        _K.THROTTLED,
        "535 5.7.0 (#AUTH005) Too many bad auth attempts.",
        _YAHOO,
        "Yahoo has blocked logins for a while after wrong passwords: store an app password in "
        "{connection} and verify again in an hour.",
        retry=RetryPlan.NEVER,
    ),
    Row(
        "incorrect username or password",
        _K.APP_PASSWORD,
        "535 5.7.0 (#MBR1212) Incorrect username or password",
        _YAHOO + "; Fastmail alike",
    ),
    Row(
        "not one of your addresses",
        _K.IDENTITY,
        "550 5.7.0 From address is not one of your addresses",
        _ICLOUD,
    ),
    Row(
        "sender is not allowed to relay",
        _K.IDENTITY,
        "553 Sender is not allowed to relay emails",
        _ZOHO,
    ),
    Row("relaying disallowed", _K.IDENTITY, "553 Relaying disallowed as sales@acme.example", _ZOHO),
    Row(
        "unusual sending activity",
        _K.SENDING_LIMIT,
        "550 5.4.6 Unusual sending activity detected. Please try after sometime",
        _ZOHO,
    ),
    Row("email outgoing blocked", _K.POLICY, "554 5.1.8 Email Outgoing Blocked", _ZOHO),
    Row(
        "authorization code",
        _K.APP_PASSWORD,
        "535 Login Fail. Please enter your authorization code to login. More information in "
        "http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256",
        _QQ,
        "Create an authorisation code in the QQ mail settings and store it as the password of the "
        "connection {connection}.",
    ),
    Row(
        "授权码",
        _K.APP_PASSWORD,
        "535 Error: 请使用授权码登录。详情请看: http://service.mail.qq.com/cgi-bin/help",
        "QQ, https://github.com/pandolia/qqbot/issues/221",
        "Create an authorisation code in the QQ mail settings and store it as the password of the "
        "connection {connection}.",
    ),
    Row(
        "account is abnormal",
        # It may be the password as well: not to be tried again.
        _K.APP_PASSWORD,
        "535 Login fail. Account is abnormal, service is not open, password is incorrect, login "
        "frequency limited, or system is busy.",
        _QQ,
        "Switch on the IMAP/SMTP service in the QQ mail settings and store a fresh authorisation "
        "code in the connection {connection}.",
    ),
    Row(
        "mail from must equal authorized user",
        _K.IDENTITY,
        "553 Mail from must equal authorized user",
        _NETEASE,
    ),
    Row("user has no permission", _K.PROTOCOL_DISABLED, "550 User has no permission", _NETEASE),
    Row(
        "authentication failed, system busy",
        _K.TEMPORARY,
        "535 Error: authentication failed, system busy",
        _NETEASE,
    ),
    Row(
        "does not have access rights to this service",
        _K.PROTOCOL_DISABLED,
        "535 5.7.8 Error: authentication failed: This user does not have access rights to this "
        "service",
        _YANDEX,
        "Allow mail programs in the Yandex settings, create an app password, and store it in the "
        "connection {connection}.",
    ),
    Row(
        "application password is required",
        _K.APP_PASSWORD,
        "535 5.7.0 NEOBHODIM parol prilozheniya "
        "https://help.mail.ru/mail/security/protection/external / Application password is "
        "REQUIRED",
        _MAILRU,
    ),
)
