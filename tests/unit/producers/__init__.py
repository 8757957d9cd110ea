"""The ingress: each sender by pure functions, the door over ASGI, publisher and settings alone."""
