"""Methods that give the rows and gains of one machine, bit for bit, whatever the parts."""
