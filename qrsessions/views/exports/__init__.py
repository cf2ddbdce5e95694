"""Pages and files that leave the site: calendars and paper lists."""
