"""What PostgreSQL holds, how it is emptied, and what it is asked."""
