"""A page taken apart, and names that try to break out of one."""

from html.parser import HTMLParser

VOID = {"meta", "br", "img", "link", "hr", "input"}
HOSTILE = [
    '<script>alert("x")</script>',
    "\"quoted\" 'single' & </style></title><img src=x onerror=alert(1)>",
    "X" * 300,
    "\u202eright to left\u202c $\\alpha$ {{ 7*7 }} {% raw %}",
    "\U0001f377 | pipe `code` **bold** [link](javascript:alert(1))",
]


class Page(HTMLParser):
    """The elements of a page; complains about tags that do not match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())
