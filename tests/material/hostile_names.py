"""300 names that try to break out of every place where a name is shown, and how a page shows that none did."""

import html5lib

from cdiscount_tasks.pages.parts.words import class_names

BREAKERS = [
    '<script>alert("x")</script>',
    "<img src=x onerror=alert(1)>",
    "</style><style>*{display:none}</style>",
    "</title></head><body onload=alert(1)>",
    "</textarea></table></td></tr></bdi></figure>",
    "<!--", "-->", "]]>", "<![CDATA[", "<?php ?>", "</svg><svg onload=alert(1)>",
    '" onmouseover="alert(1)" x="', "' onfocus='alert(1)' autofocus='", '"/><input autofocus onfocus=alert(1)>',
    "`onclick=alert(1)`", "javascript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "{{ 7*7 }}", "{% raw %}", "{# comment #}", "${7*7}", "{{ config.__class__ }}", "%(name)s %s {0}",
    "&lt;b&gt;", "&#60;b&#62;", "&amp;amp;", "&nbsp", "&#0;", "&#x202e;", "AT&T \"L'ÉTÉ\" «ô»",
    "$\\alpha^{2}$", "$$", "$\\frac{1}{0", "\\begin{verbatim}", "price $5 to $10_9^8",
    "a | b | c", "`code` ``", "**bold** __bold__", "[link](javascript:alert(1))", "![x](http://x/y.png)",
    "# heading", "> quote", "- item", "1. item", "***", "---", "https://example.invalid/x", "www.example.invalid",
    "<http://example.invalid>", "a@example.invalid", "~~~", "```", "\\", "\\|", "trailing \\",
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", "\t=1+1", " =1+1",
    "\u202eevil \u202c", "\u202e", "\u2066isolated", "\u2067\u2067\u2067", "\u200f\u200e", "\u061c",
    "\u05e9\u05dc\u05d5\u05dd 123", "\u0645\u0631\u062d\u0628\u0627 (456)", "\u0627\u0644 1,234 \u0628 99 %",
    "zero\u200bwidth", "\ufeffmark", "soft\u00adhyphen", "\u2060", "\u200b\u200c\u200d",
    "Z" + "\u0351\u0300\u0316\u0321" * 20, "e\u0301" * 30, "\u0e01" + "\u0e47" * 40,
    "\U0001f377\U0001f37e", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1eb\U0001f1f7", "\ufdfd\ufdfd",
    "X" * 300, "\u6f22" * 300, "W" * 59 + "…", "-" * 300, "." * 300, "ab " * 100, "\u00a0" * 50 + "x",
    "line\nbreak", "line\r\nbreak", "tab\ttab", "form\x0cfeed", "vertical\x0btab", "\u2028line\u2029paragraph",
    "bell\x07", "escape\x1b[31mred", "\x85next", "\x7fdelete", "\x01\x02\x03", "", " ", "null\ufffenot",
    "id='x'", "class=verdict", "href=#", "0", "None", "nan", "true", "../../etc/passwd", "C:\\con", "a/b", "a;b,c",
]  # fmt: skip


def hostile_names(num: int = 300) -> list[str]:
    """Return names, each breaker alone and then in the middle of others."""
    alone = list(dict.fromkeys(BREAKERS))
    joined = [f"VIN {one} {two}" for one, two in zip(alone, alone[7:] + alone[:7], strict=True)]
    more = [f"{two}{one}" for one, two in zip(alone, alone[13:] + alone[:13], strict=True)]
    return [*alone, *joined, *more][:num]


def plain_names() -> list[str]:
    """Return usual names; none where nothing is left of the hostile one or others look the same: its id is shown."""
    classes = [{"level3": name, "category_id": number + 10**9} for number, name in enumerate(hostile_names())]
    shown = class_names(classes)
    return ["" if str(one.category_id) in one.short else f"CATEGORIE {n}" for n, one in enumerate(shown)]


def skeleton(text: str) -> list[tuple[str, list[str]]]:
    """Return the elements of a page in order, each with the names of its attributes; a tooltip may be there or not."""
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    return [(element.tag, sorted(set(element.keys()) - {"title"})) for element in tree.iter()]
