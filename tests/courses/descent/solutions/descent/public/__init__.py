"""What of this lesson travels to students: its own rule."""
