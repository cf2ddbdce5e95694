"""Reports of the term for teachers and administrators."""
