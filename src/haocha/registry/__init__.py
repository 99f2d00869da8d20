"""The registry as a table: what operators import from CSV and XLSX files and get exported."""
