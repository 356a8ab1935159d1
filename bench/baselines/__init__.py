"""What our server is measured against: other ways of answering the same documents over the same rows."""
