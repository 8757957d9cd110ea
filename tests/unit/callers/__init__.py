"""What makes calls to the outside, against real sockets on loopback."""
