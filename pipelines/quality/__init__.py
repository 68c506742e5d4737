"""What is judged before anything is sent: addresses, extracts, the people wanted."""
