"""A comparison as text: for people, spreadsheets, programs and papers."""
