"""`forecast config init`: looks at a table and proposes a configuration."""
