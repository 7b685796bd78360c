"""Targets that nothing may ever connect to: URLs that spell them, and addresses that a public name may lead to."""

from collections.abc import Iterator

ADDRESSES = (
    *("127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255"),  # noqa: S104
    *("100.64.0.1", "100.127.255.255", "100.100.100.200", "168.63.129.16", "169.254.169.254", "169.254.170.2"),
    *("169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1"),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255", "192.31.196.1", "192.175.48.1", "192.52.193.1"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:93.184.215.14"),
    *("::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::5db8:d70e"),
    *("64:ff9b:1::7f00:1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fd00::1", "fd00:ec2::254"),
    *("fd12:3456:789a::1", "ff02::1", "ff0e::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:20::1"),
    *("2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "2002:5db8:d70e::", "3fff::1", "2620:4f:8000::1", "4000::1"),
    *("5f00::1", "e000::1", "not an address", "127.1", "0x7f000001", "2130706433", ""),
)
NUMBERS = (
    *("2130706433", "0x7f000001", "0x7F000001", "017700000001", "0177.0.0.1", "0177.0.0.01", "0x7f.0.0.1", "0x7f.1"),
    *("127.1", "127.0.1", "127.0x0.0.1", "2852039166", "0xa9fea9fe", "025177524776", "0xa9.0xfe.0xa9.0xfe", "10.1"),
    *(
        "169.254.43518",
        "0251.0376.0251.0376",
        "167772161",
        "0xa000001",
        "012.0.0.1",
        "0",
        "00",
        "0x0",
        "1",
        "127.0.0.1.",
    ),
    *("127.0.0.1", "10.0.0.1", "169.254.169.254", "93.184.215.14", "8.8.8.8", "1.1.1.1", "127.0.0.0x1", "127.0.0.01"),
)
SIX = (
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[fe80::1]"),
    *(
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[64:ff9b::7f00:1]",
        "[fd00:ec2::254]",
        "[2002:7f00:1::]",
        "[2606:4700::1]",
    ),
    *("[::1", "::1", "[v1.fe80::a]"),
)
NAMES = (
    *("localhost", "localhost.", "LOCALHOST", "localhost.localdomain", "ip6-localhost", "foo.localhost", "a.local"),
    *(
        "metadata",
        "metadata.google.internal",
        "metadata.google.internal.",
        "instance-data",
        "kubernetes.default.svc.internal",
    ),
    *(
        "host.docker.internal",
        "router",
        "intranet",
        "db.internal",
        "x.test",
        "x.invalid",
        "x.example",
        "hooks_example.com",
    ),
    *("hooks.example.com.", ".hooks.example.com", "hooks..example.com", "-hooks.example.com", "hooks-.example.com"),
    *(
        "HOOKS.example.com",
        "hooks.exam\u017fle.com",
        "\u24db\u24de\u24d2al",
        "hooks.example\u3002com",
        "xn--.",
        "\uff11\uff12\uff17.0.0.1",
    ),
    *(f"{'a' * 64}.com", f"{'a.' * 130}com", "hooks.example.c%6fm", "%6c%6f%63alhost", "127.0.0.1%00.example.com"),
)
HOST = "hooks.example.com"
SPELLED = (
    *(
        f"{scheme}://{HOST}/"
        for scheme in ("http", "ws", "wss", "ftp", "gopher", "dict", "ldap", "tftp", "HTTPS", "httpss")
    ),
    *("file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.1:6379/_PING", "data:text/plain,x"),
    *(
        "javascript:alert(1)",
        "unix:///run/postgresql/.s.PGSQL.5432",
        "http+unix://%2Frun%2Fdocker.sock/",
        "jar:https://x!/",
    ),
    *(f"https://{HOST}:{port}/" for port in (0, 1, 22, 25, 80, 442, 444, 5432, 6379, 8000, 8443, 65535, 65979, 99999)),
    *(
        f"https://{HOST}:{port}/"
        for port in ("", "+443", "-1", "0x1bb", "443x", " 443", "443 ", "\u0664\u0664\u0663", "443:80")
    ),
    *(f"https://{user}@{HOST}/" for user in ("", "a", "a:b", "127.0.0.1", "localhost:80", "a%40b", ":")),
    *(f"https://{HOST}@{host}/" for host in ("127.0.0.1", "localhost", "10.0.0.1", "[::1]", "evil.example.org")),
    *(
        f"https://{HOST}{junk}127.0.0.1/"
        for junk in ("\\@", "#@", "/\\@\\", "\t@", "%00@", ";@", "&@", " ", "\\", "?\\@")
    ),
    *(
        f"https://{HOST}/{break_}"
        for break_ in ("\r\nHost: 127.0.0.1", "a\nb", "a\rb", "a b", "\x00", "\x7f", "\u2028", "\u560d")
    ),
    *(f"https://{HOST}{break_}/" for break_ in ("\r\n", "\n", "\r", "\t", "\x00", "\v", "\x1b", "\u200b")),
    *(f"{blank}https://{HOST}/" for blank in (" ", "\n", "\t", "\x00", "\ufeff", "url:")),
    *(f"https://{HOST}/{end}" for end in ("#fragment", "#", "<", ">", '"', "{", "|", "^", "`", "\\..", "\u00e9")),
    *(
        "",
        "https",
        "https:",
        "https:/",
        "https://",
        "https:///",
        "https:///x",
        "//hooks.example.com/",
        "hooks.example.com",
    ),
    *(
        "https:hooks.example.com",
        "https:/hooks.example.com",
        "https:\\\\hooks.example.com",
        "https://?x",
        "https://:443/",
    ),
)


def urls() -> Iterator[str]:
    """Every URL that has to be refused before anybody is asked for an address."""
    for host in (*NUMBERS, *SIX, *NAMES):
        yield f"https://{host}/"
    for host in ("127.0.0.1", "[::1]", "localhost", "169.254.169.254", "metadata.google.internal"):
        yield from (f"http://{host}/", f"http://{host}:8080/latest/meta-data/", f"https://{host}:8443/")
    yield from SPELLED
