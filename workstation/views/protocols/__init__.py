"""What controllers know of views: plain records and protocols, without any widget."""
