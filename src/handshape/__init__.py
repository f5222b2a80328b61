"""Handshape: from a folder of photographs of hand signs to a recogniser that works on people it has never seen."""

__version__ = "0.1.0"
