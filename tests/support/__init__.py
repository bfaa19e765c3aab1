"""What the tests share: awkward files, hostile servers, handlers, and ways to read clips back."""
