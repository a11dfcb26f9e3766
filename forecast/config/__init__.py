"""What a configuration may say: options, sections, the strict reader, and messages."""
