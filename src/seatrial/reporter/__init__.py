"""The report: a plan, its evidence and its bundle as Markdown, HTML and charts."""
