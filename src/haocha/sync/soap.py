"""SOAP 1.1 as government gateways speak it: string parameters in, one string of XML back, escaped, in one line.

What a platform answers is not to be trusted: document types are refused, so there are no entities to expand, and
whatever is no whole envelope counts as no answer.
"""

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import httpx

from haocha.sync.dialect import Unavailable
from haocha.sync.mapping import Unmappable

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
TYPE = "text/xml; charset=utf-8"
DECLARED = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}?encoding=[\"']([\w.-]{1,40})[\"']")
ENCODINGS = {name: name for name in ("utf-8", "utf8", "utf-16", "us-ascii", "iso-8859-1", "gb18030")}
ENCODINGS |= dict.fromkeys(("gb2312", "gbk"), "gb18030")
"""What answers may declare: Python knows many more, some of which take the square of their length in time."""
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2

REFERENCES = {
    "\r": "&#13;",  # a parser would make a line feed of it
    "\u2015": "&#8213;",  # GB2312 has one code for this and for the dash, and one for
    "\u30fb": "&#12539;",  # this and the middle dot: which of the two comes out depends on the reader
}


class Refused(Exception):
    """A fault envelope that blames the call: its code and its words."""

    def __init__(self, code: str, words: str) -> None:
        self.code, self.words = code, words
        super().__init__(code)


def writable(text: str) -> str:
    """Return `text` as it is; raises `Unmappable` where XML has no way to write a character of it."""
    if found := UNWRITABLE.search(text):
        raise Unmappable(f"含有 XML 不能表示的字符 U+{ord(found[0]):04X}")
    return text


def element(name: str, content: Mapping[str, str] | str) -> str:
    """Write an element that holds members in their order, or other elements."""
    if not isinstance(content, str):
        content = "".join(f"<{key}>{escape(value, REFERENCES)}</{key}>" for key, value in content.items())
    return f"<{name}>{content}</{name}>"


def gb2312(root: str) -> bytes:
    """Make a document in GB2312 of its root element.

    GB2312 has 6,763 of the Chinese characters: the others, as rare names have them, go as character references, which
    every XML reader turns back. So nothing is lost and nothing becomes a question mark.
    """
    return f'<?xml version="1.0" encoding="GB2312"?>{root}'.encode("gb2312", "xmlcharrefreplace")


def envelope(namespace: str, operation: str, headers: Mapping[str, str], parameters: Mapping[str, str]) -> bytes:
    """Wrap a call."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns:web="{namespace}">'
        f"{element('soapenv:Header', headers)}"
        f"<soapenv:Body>{element(f'web:{operation}', parameters)}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def returned(response: httpx.Response) -> ET.Element:
    """Return the root of the document inside an answer; raises `Refused`, and `Unavailable` where it is no answer."""
    root = parse(decoded(response))
    if _local(root.tag) != "Envelope":
        raise Unavailable(f"HTTP {response.status_code} with something that is no SOAP envelope")
    for found in root.iter():
        match _local(found.tag):
            case "Fault":
                raise _fault(found)
            case name if name.lower().endswith("return"):
                return parse(found.text or "")
    raise Unavailable(f"HTTP {response.status_code} with a SOAP envelope that returns nothing")


def decoded(response: httpx.Response) -> str:
    """Return the text of an answer in the encoding that it declares, else UTF-8; raises `Unavailable`."""
    content = response.content
    declared = DECLARED.match(content)
    try:
        return content.decode(ENCODINGS[declared[1].decode().lower() if declared else "utf-8"])
    except (UnicodeDecodeError, KeyError):
        raise Unavailable(f"HTTP {response.status_code} with a text that is not what it declares to be") from None


def parse(text: str) -> ET.Element:
    """Read a document; raises `Unavailable` where it is none or has a document type."""
    if "<!DOCTYPE" in text:
        raise Unavailable("an answer with a document type: a page, not a message")
    try:
        return ET.fromstring(text.strip("\ufeff \r\n\t"))  # noqa: S314 (nothing to expand: see above)
    except ET.ParseError:
        raise Unavailable("an answer that is no XML, or only a part of it") from None


def text_of(node: ET.Element, *paths: str) -> str:
    """Return the first text that is there under one of `paths`, stripped; else ''."""
    return next((found for path in paths if (found := (node.findtext(path) or "").strip())), "")


def _fault(node: ET.Element) -> Refused | Unavailable:
    code = text_of(node, "faultcode").rpartition(":")[2]
    if code.startswith("Client"):
        return Refused(code, text_of(node, "faultstring"))
    return Unavailable(f"SOAP fault {code or 'without a code'}")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
