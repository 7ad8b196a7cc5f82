"""What makes an answer right: comparing, properties, and naming the mistake."""
