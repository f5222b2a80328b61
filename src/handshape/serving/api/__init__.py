"""The recogniser over HTTP and WebSocket."""
