"""The words of core/errors for a request that HTTP itself refuses, before any service has seen it."""

from app.core.errors import Problem


class MethodNotAllowed(Problem):
    status = 405
    code = "method_not_allowed"
    title = "This path does not know that method"
    advice = "Use one of the methods that the `Allow` header lists."


class RequestTimeout(Problem):
    status = 408
    code = "request_timeout"
    title = "The body arrived too slowly"
    advice = "Send the request again over a better connection, or in smaller parts."


class UrlTooLong(Problem):
    status = 414
    code = "url_too_long"
    title = "The URL is too long"
    advice = "Shorten the query, or use the operation that takes the same list in its body."


class HeadersTooLarge(Problem):
    status = 431
    code = "headers_too_large"
    title = "The headers are too large"
    advice = "Send fewer or shorter headers."


class UnsupportedMedia(Problem):
    status = 415
    code = "unsupported_media_type"
    title = "This operation does not take that type of body"
    advice = "Send the media type that the documentation of the operation names, without a Content-Encoding."
