"""Rules turn replies into a verdict: comparing, properties, and naming the mistake."""
