"""The report on one business: its marts as tables, pictures and one page that opens without a network."""
