"""What of this lesson travels to students and into workers: no answer."""
