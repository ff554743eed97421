-- A hub leaves in good order, once. ARGV: hub.
if is_registered(ARGV[1]) then remove(ARGV[1], 'left') end
return 'OK'
