. scripts/lib.sh
section 'Browsers and their drivers, of one version each'
for name in chrome chromedriver firefox geckodriver; do installed "$name"; done
packages xvfb fonts-liberation fonts-noto-color-emoji
