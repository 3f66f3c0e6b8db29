"""The table of providers: data from their own pages (`sources`)."""

from mailcrm.credentials.providers import Provider, starttls, tls
from mailcrm.records import Encryption, Endpoint

__all__ = ["PROVIDERS"]

_APP = "Create an app password at {0} and store it as the password of both connections."

PROVIDERS = (
    Provider(
        "Gmail",
        ("gmail.com", "googlemail.com"),
        ("gmail.com", "googlemail.com"),
        tls("imap.gmail.com"),
        starttls("smtp.gmail.com"),
        "Needs 2-step verification and an app password, without its spaces; the account's own "
        "password does not work.",
        (
            "https://support.google.com/mail/answer/7126229",
            "https://support.google.com/accounts/answer/185833",
            "https://developers.google.com/workspace/gmail/imap/xoauth2-protocol",
        ),
        oauth="OAuth is the better way: a token can be revoked by itself, and a Workspace "
        "administrator may have switched app passwords off.",
        max_connections=15,
        hides_mail="Gmail's setting 'Limit IMAP folders' hides older mail (from 1,000 messages "
        "on): choose 'Do not limit'. Labels are folders: one message may show in several.",
        limits="Downloads are limited to 2,500 MB a day over IMAP, sending to 500 messages.",
    ),
    Provider(
        "Outlook.com",
        ("outlook.com", "hotmail.com", "live.com", "msn.com", "outlook.de", "hotmail.de"),
        ("outlook.com", "office365.com"),
        tls("outlook.office365.com"),
        starttls("smtp-mail.outlook.com"),
        "Passwords no longer work here, app passwords neither: set auth: xoauth2.",
        (
            "https://support.microsoft.com/office/d088b986-291d-42b8-9564-9c414e2aa040",
            "https://learn.microsoft.com/exchange/client-developer/legacy-protocols/"
            "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth",
        ),
        oauth="OAuth is the only way: basic authentication is switched off. In Exchange Online "
        "SMTP AUTH must also be enabled for the mailbox.",
        max_connections=20,
        limits="Exchange throttles by budget: 'Server Busy' and 'Backoff Time' are waited for.",
    ),
    Provider(
        "Yahoo Mail",
        ("yahoo.com", "ymail.com", "rocketmail.com", "yahoo.de", "yahoo.co.uk", "yahoo.fr"),
        ("mail.yahoo.com",),
        tls("imap.mail.yahoo.com"),
        tls("smtp.mail.yahoo.com", 465),
        _APP.format("Account security"),
        ("https://help.yahoo.com/kb/SLN4075.html",),
        max_connections=5,
        hides_mail="Yahoo shows only the newest 10,000 messages of a folder over IMAP.",
        limits="Answers [LIMIT] and [THROTTLED] when it is asked too often.",
    ),
    Provider(
        "AOL Mail",
        ("aol.com", "aim.com", "aol.de"),
        ("aol.com",),
        tls("imap.aol.com"),
        tls("smtp.aol.com", 465),
        _APP.format("Account security"),
        (
            "https://help.aol.com/articles/how-do-i-use-other-email-applications-to-send-and-receive"
            "-my-aol-mail",
        ),
        max_connections=5,
        hides_mail="AOL shows only the newest 10,000 messages of a folder over IMAP.",
    ),
    Provider(
        "iCloud Mail",
        ("icloud.com", "me.com", "mac.com"),
        ("mail.me.com",),
        tls("imap.mail.me.com"),
        starttls("smtp.mail.me.com"),
        _APP.format("account.apple.com (app-specific passwords)"),
        ("https://support.apple.com/102525",),
        username="local",
        limits="1,000 messages a day can be sent. For SMTP the login is the full address.",
    ),
    Provider(
        "Zoho Mail",
        ("zoho.com", "zohomail.com", "zohomail.eu", "zoho.eu", "zohomail.in"),
        ("zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.jp"),
        tls("imap.zoho.com"),
        tls("smtp.zoho.com", 465),
        "Switch on IMAP access in Zoho's settings first; with two-factor login create an "
        "application-specific password. The host ends as your data centre does (.eu, .in, …).",
        ("https://www.zoho.com/mail/help/imap-access.html",),
        limits="A locked account opens again after some time: 'Too many connections'.",
    ),
    Provider(
        "Yandex Mail",
        ("yandex.com", "yandex.ru", "ya.ru", "yandex.by", "yandex.kz"),
        ("yandex.com", "yandex.ru"),
        tls("imap.yandex.com"),
        tls("smtp.yandex.com", 465),
        "Switch on IMAP in the settings under 'Email clients', then create an app password for "
        "mail.",
        ("https://yandex.com/support/mail/mail-clients/others.html",),
        limits="Long sessions are closed; that is taken up again.",
    ),
    Provider(
        "QQ Mail",
        ("qq.com", "foxmail.com", "vip.qq.com"),
        ("qq.com",),
        tls("imap.qq.com"),
        tls("smtp.qq.com", 465),
        "Switch on IMAP/SMTP in the settings and store the authorisation code (16 letters) as "
        "the password of both connections.",
        ("https://service.mail.qq.com/detail/0/75",),
        hides_mail="QQ shows by default only the mail of the last 30 days over IMAP: choose "
        "'all mail' in its settings.",
    ),
    Provider(
        "NetEase Mail",
        ("163.com", "126.com", "yeah.net", "188.com"),
        ("163.com", "126.com", "yeah.net", "188.com"),
        tls("imap.163.com"),
        tls("smtp.163.com", 465),
        "Switch on IMAP/SMTP in the settings and store the authorisation code as the password; "
        "for 126.com and yeah.net take imap.126.com and imap.yeah.net.",
        (
            "https://help.mail.163.com/faqDetail.do?code=d7a5dc8471cd0c0e8b4b8f4f8e49998b"
            "374173cfe9171305fa1ce630d7f67ac2",
        ),
        needs_id=True,
        hides_mail="NetEase shows by default only the mail of the last 30 days over IMAP.",
        limits="Answers 'Unsafe Login' to a client that does not name itself (ID); we do.",
    ),
    Provider(
        "Fastmail",
        ("fastmail.com", "fastmail.fm", "messagingengine.com", "sent.com"),
        ("fastmail.com", "messagingengine.com"),
        tls("imap.fastmail.com"),
        tls("smtp.fastmail.com", 465),
        _APP.format("Settings, Privacy & Security"),
        ("https://www.fastmail.help/hc/en-us/articles/1500000278342",),
    ),
    Provider(
        "mailbox.org",
        ("mailbox.org",),
        ("mailbox.org",),
        tls("imap.mailbox.org"),
        tls("smtp.mailbox.org", 465),
        "The account's password works unless two-factor login or app passwords are on.",
        ("https://kb.mailbox.org/en/private/e-mail/e-mail-clients/",),
    ),
    Provider(
        "GMX",
        ("gmx.de", "gmx.net", "gmx.at", "gmx.ch"),
        ("gmx.net",),
        tls("imap.gmx.net"),
        tls("mail.gmx.net", 465),
        "Switch on POP3/IMAP access in the settings first; with two-factor login create an "
        "application-specific password.",
        ("https://hilfe.gmx.net/pop-imap/imap/imap-serverdaten.html",),
    ),
    Provider(
        "GMX.com",
        ("gmx.com", "gmx.us", "gmx.co.uk", "gmx.fr"),
        ("gmx.com",),
        tls("imap.gmx.com"),
        tls("mail.gmx.com", 465),
        "Switch on POP3 & IMAP access in the settings first.",
        ("https://support.gmx.com/pop-imap/imap/server.html",),
    ),
    Provider(
        "WEB.DE",
        ("web.de",),
        ("web.de",),
        tls("imap.web.de"),
        starttls("smtp.web.de"),
        "Switch on POP3/IMAP access in the settings first; with two-factor login create an "
        "application-specific password.",
        ("https://hilfe.web.de/pop-imap/imap/imap-serverdaten.html",),
    ),
    Provider(
        "Telekom Mail",
        ("t-online.de", "magenta.de"),
        ("t-online.de",),
        tls("secureimap.t-online.de"),
        tls("securesmtp.t-online.de", 465),
        "Set a password for e-mail programs in the customer centre; the login's own password "
        "does not work.",
        ("https://www.telekom.de/hilfe/apps-dienste/e-mail/server",),
    ),
    Provider(
        "Posteo",
        ("posteo.de", "posteo.net", "posteo.org", "posteo.eu"),
        ("posteo.de",),
        tls("posteo.de"),
        tls("posteo.de", 465),
        "The account's password works unless additional protection of the mailbox is on.",
        ("https://posteo.de/en/help/which-settings-do-i-need-for-local-email-software",),
    ),
    Provider(
        "Proton Mail (Bridge)",
        ("proton.me", "protonmail.com", "pm.me", "protonmail.ch"),
        (),
        Endpoint("127.0.0.1", 1143, Encryption.STARTTLS),
        Endpoint("127.0.0.1", 1025, Encryption.STARTTLS),
        "Needs Proton Mail Bridge on this machine: take the password that Bridge shows, and put "
        "its exported certificate into tls.ca_file.",
        ("https://proton.me/support/imap-smtp-and-pop3-setup",),
        limits="Nothing can be read while Bridge is not running.",
    ),
    Provider(
        "IONOS",
        (),
        ("ionos.com", "ionos.de", "1und1.de"),
        tls("imap.ionos.com"),
        tls("smtp.ionos.com", 465),
        "The mailbox's own password works, not that of the customer account.",
        ("https://www.ionos.com/help/index.php?id=1941",),
    ),
    Provider(
        "Mail.ru",
        ("mail.ru", "bk.ru", "inbox.ru", "list.ru"),
        ("mail.ru",),
        tls("imap.mail.ru"),
        tls("smtp.mail.ru", 465),
        _APP.format("Settings, Security (password for external applications)"),
        ("https://help.mail.ru/mail/mailer/popsmtp/",),
    ),
)
