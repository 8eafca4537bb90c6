"""What the page's drawings and words are made of: geometry and text, no markup."""
