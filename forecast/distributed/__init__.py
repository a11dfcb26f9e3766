"""One training on several processes: where they meet, who starts them, what they exchange."""
