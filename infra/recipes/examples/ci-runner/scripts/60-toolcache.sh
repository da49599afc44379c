. scripts/lib.sh
section 'The rest of the tool cache'
# Whatever the scripts before did not install by name.
awk -F'"' '/"name":/ { print $4 }' files/toolcache.json | while read -r name; do
  installed "$name"
done
