"""Reports: what a teacher or a department reads over many students, sections and weeks."""
