"""What a head's decisions on a split add up to beside metrics: tables and curves."""
