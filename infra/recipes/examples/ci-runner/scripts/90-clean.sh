. scripts/lib.sh
section 'What no runner needs'
apt-get -y autoremove --purge
apt-get clean
