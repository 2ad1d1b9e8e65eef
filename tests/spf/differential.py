#!/usr/bin/env python3
"""Makes records and zones at random and has pyspf evaluate them: the vectors of differential.rs.

    python3 -m venv /tmp/pyspf && /tmp/pyspf/bin/pip install pyspf==2.0.14 dnspython
    /tmp/pyspf/bin/python tests/spf/differential.py > tests/spf/differential.jsonl

The same seed and the same version of pyspf make the same file. No DNS is asked: pyspf's only way to it is replaced.
An argument is how many cases to make, another one the seed.
"""

import json
import random
import socket
import sys
from importlib.metadata import version

import spf

CASES, SEED = 400, 7208

DOMAINS = ["example.org", "a.example.org", "b.example.org", "example.net", "mail.example.net", "_spf.example.com"]
ALIAS = "www.example.org"
MISSING = ["nobody.example.org", "example.invalid"]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.65", "198.51.100.1", "203.0.113.9"]
ADDRESSES6 = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8:1::1"]
LOCALS = ["alice", "bob+lists", "strong-bad", "a.b-c_d", "x=y/z", "Carol", "", "two words"]
HELOS = ["mail.example.net", "example.org", "a.example.org", "b.example.org", "example.net", "localhost", "[192.0.2.1]", "A.Example.Org"]
SPOILERS = ["moo", "all.", "-all:x", "include", "a:", "a:org", "a/33", "mx//129", "ip4:192.0.2", "ip4:192.0.2.1/032",
            "ip4:192.0.2.1/33", "ip6:2001:db8::/129", "ip6:2001:db8:::1", "ip6:192.0.2.1", "exists", "exists:%(i).org",
            "ptr/8", "redirect=", "exp=%{c}.org", "x=%", "1x=y", "=", "a:%{x}.org", "a:%{d", "a:192.0.2.1", "ptr:", "?",
            "exp=a.org", "redirect=b.org", "x.y-z_1=%{d}/:=", "a:example.org:25", "a:b.-org", "a:b.o-rg", "a:b.org.",
            "IP4:192.0.2.1", "+ALL", "~MX", "a\tb"]


def macro(rng):
    letter = rng.choice("slodivhSLODIVHp")
    # What else could be between parts pyspf leaves as it was; section 7.3 puts dots there.
    delimiters = rng.choice(["", "", ".", "-", "+-", "-_=/,+."]) if letter in "slSL" else rng.choice(["", "", "."])
    return "%{" + letter + rng.choice(["", "", "1", "2", "3", "12"]) + rng.choice(["", "", "r"]) + delimiters + "}"


def domain(rng):
    kind = rng.random()
    if kind < 0.72:
        return rng.choice(DOMAINS * 2 + [ALIAS] + MISSING[:1])
    if kind < 0.75:
        return rng.choice(DOMAINS) + "."
    if kind < 0.80:
        return rng.choice(["%{d}", "%{o}", "%{h}", "%{d2}", "%{o2}", "a.%{d2}", "b.%{o}"])
    pieces = [macro(rng) for _ in range(rng.randint(1, 3))]
    return ".".join(pieces) + rng.choice(["", ".example.org", ".%{d}", "._spf.%{d2}", ".x-%%%_%-y.example.net"])


def lengths(rng):
    four = rng.choice(["", "", "", "/32", "/24", "/26", "/0"])
    six = rng.choice(["", "", "", "//128", "//64", "//48", "//0"])
    return four + six


def term(rng):
    kind = rng.choice(["a", "a", "mx", "mx", "ip4", "ip4", "ip6", "ip6", "include", "include", "exists", "ptr", "all"])
    sign = rng.choice(["", "", "+", "-", "-", "~", "?"])
    if kind in ("a", "mx"):
        return sign + kind + rng.choice(["", ":" + domain(rng)]) + lengths(rng)
    if kind == "ip4":
        return sign + "ip4:" + rng.choice(ADDRESSES) + rng.choice(["", "", "/32", "/25", "/24", "/0"])
    if kind == "ip6":
        return sign + "ip6:" + rng.choice(ADDRESSES6) + rng.choice(["", "", "/128", "/64", "/48", "/0"])
    if kind == "ptr":
        return sign + "ptr" + rng.choice(["", ":" + rng.choice(DOMAINS)])
    if kind == "all":
        return sign + "all"
    return sign + kind + ":" + domain(rng)


def record(rng):
    terms = [term(rng) for _ in range(rng.choice([1, 1, 2, 2, 3, 3, 4, 12]))]
    if rng.random() < 0.25:
        terms.insert(rng.randint(0, len(terms)), rng.choice(["redirect="] * 9 + ["Redirect="]) + domain(rng))
    if rng.random() < 0.5:
        terms.insert(rng.randint(0, len(terms)), "exp=why." + rng.choice(DOMAINS))
    if rng.random() < 0.5:
        terms.append(rng.choice(["-all", "-all", "-all", "~all", "?all"]))
    if rng.random() < 0.1:
        terms.insert(rng.randint(0, len(terms)), rng.choice(SPOILERS))
    return rng.choice(["v=spf1 "] * 9 + ["V=SPF1 "]) + " ".join(terms)


def explanation(rng):
    words = [rng.choice(["mail from", "is not for", "see http://example.org/?s=%{S}&i=%{C}&d=%{D}.", "%{c}", "%{r}", "%{t}",
                         "100%% of", "a%_b%-c", macro(rng), macro(rng), macro(rng)]) for _ in range(rng.randint(1, 5))]
    if rng.random() < 0.08:
        words.append(rng.choice(["%", "%{y}", "%(d)", "größe"]))
    return " ".join(words)


def zones(rng):
    """Lines of `name TYPE data`."""
    lines = []
    for name in DOMAINS:
        if rng.random() < 0.97:
            lines.append((name, "TXT", record(rng)))
        if rng.random() < 0.04:
            lines.append((name, "TXT", rng.choice([record(rng), "v=spf10 -all", "no policy", "v=spf1"])))
        lines += [(name, "A", rng.choice(ADDRESSES)) for _ in range(rng.choice([0, 1, 1, 2]))]
        lines += [(name, "AAAA", rng.choice(ADDRESSES6)) for _ in range(rng.choice([0, 1, 1]))]
        exchangers = rng.choice([0, 1, 1, 2, 2, 3, 11 if rng.random() < 0.2 else 1])
        lines += [(name, "MX", f"{n} {rng.choice(DOMAINS)}") for n in range(exchangers)]
        if rng.random() < 0.8:
            lines.append(("why." + name, "TXT", explanation(rng)))
        if rng.random() < 0.05:
            lines.append((name, "TIMEOUT", ""))
    lines.append((ALIAS, "CNAME", rng.choice(DOMAINS)))
    for address in ADDRESSES + ADDRESSES6:
        for name in rng.sample(DOMAINS, rng.choice([0, 1, 1, 2])):
            lines.append((address, "PTR", name))
    return lines


def reverse_name(address):
    if ":" not in address:
        return ".".join(reversed(address.split("."))) + ".in-addr.arpa"
    return ".".join(reversed(socket.inet_pton(socket.AF_INET6, address).hex())) + ".ip6.arpa"


def as_pyspf_wants(kind, data):
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, data)
    if kind == "TXT":
        return (data.encode(),)
    if kind == "MX":
        preference, name = data.split()
        return (int(preference), name)
    return data


def lookup_in(lines, asked):
    def lookup(name, kind, *_):
        asked.add(name.lower())
        here = [line for line in lines if owner(line) == name.lower()]
        found = [((name, its), as_pyspf_wants(its, data)) for _, its, data in here if its in (kind, "CNAME")]
        if not found and any(its == "TIMEOUT" for _, its, _ in here):
            raise spf.TempError("DNS timeout")
        return found

    return lookup


def owner(line):
    return (reverse_name(line[0]) if line[1] == "PTR" else line[0]).lower()


def evaluate(case, asked):
    spf.DNSLookup = lookup_in(case["zones"], asked)
    query = spf.query(i=case["ip"], s=case["sender"], h=case["helo"], strict=True)
    query.t = "0"
    query.set_default_explanation("DEFAULT")
    try:
        result, _, explanation = query.check()
    except Exception as error:  # a fault of pyspf's
        return f"{type(error).__name__}: {error}", None
    return result, explanation if result == "fail" and explanation != "DEFAULT" else None


def make(rng, number):
    helo = rng.choice(HELOS)
    domains = DOMAINS * 4 + ["Example.ORG", "nobody.example.org"]
    sender = "" if rng.random() < 0.08 else f"{rng.choice(LOCALS)}@{rng.choice(domains)}"
    ip = rng.choice(ADDRESSES * 2 + ADDRESSES6 + ["::ffff:192.0.2.1"])
    case = {"id": number, "ip": ip, "helo": helo, "sender": sender, "zones": zones(rng)}
    # Only what was asked for is kept, and that is what counts.
    asked = set()
    evaluate(case, asked)
    case["zones"] = [line for line in case["zones"] if owner(line) in asked]
    case["result"], case["explanation"] = evaluate(case, asked)
    case["zones"] = [" ".join(line).strip() for line in case["zones"]]
    return case


def main(count=CASES, seed=SEED):
    rng = random.Random(int(seed))
    about = f"computed by pyspf {version('pyspf')} from PyPI, seed {seed}; see differential.py"
    print(json.dumps({"about": about}))
    for number in range(1, int(count) + 1):
        print(json.dumps(make(rng, number), ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
