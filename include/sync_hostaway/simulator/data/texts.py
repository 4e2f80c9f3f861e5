"""Synthetic words the data is made of. Every name, place and sentence here is invented."""

from __future__ import annotations

FIRST_NAMES = (
    "Ada", "Bruno", "Carla", "Dario", "Elif", "Femke", "Goran", "Hilde", "Ines", "Jonas", "Kaia", "Leandro", "Mirela",
    "Nils", "Oona", "Paavo", "Quirin", "Renske", "Søren", "Tamsin", "Ulrike", "Vasco", "Wiebke", "Xenia", "Yannis",
    "Zoë", "Anaïs", "Łukasz", "Jiří", "Ömer",
    "نور", "سلمى", "דניאל", "נועה", "さくら", "美玲", "Дарья", "Ольга", "Ιωάννα",
)  # fmt: skip
LAST_NAMES = (
    "Abernock", "Brindlewood", "Castelmar", "Dunmarrow", "Eskeland", "Farrowgate", "Grünhagen", "Hollinbeck", "Ivarra",
    "Jorvington", "Kestelman", "Lindqvarn", "Morvellan", "Nightale", "Oakenfell", "Pellworth", "Quennerby", "Rostagno",
    "Silverdeen", "Tarkowin", "Umberfield", "Vancastle", "Wexmoor", "Yardellin", "Zimmerloh",
    "الواحة", "בן־דרור", "山原",
)  # fmt: skip
CITIES = (
    ("Port Alder", "Oregon", "United States", "US", "USD", "America/Los_Angeles", 45.5, -123.9),
    ("Lake Merrow", "Tennessee", "United States", "US", "USD", "America/Chicago", 35.9, -83.6),
    ("Sandhollow Key", "Florida", "United States", "US", "USD", "America/New_York", 26.1, -81.8),
    ("Villa Serena", "Andalucía", "Spain", "ES", "EUR", "Europe/Madrid", 36.7, -4.4),
    ("Nordhamn", "Västra Götaland", "Sweden", "SE", "SEK", "Europe/Stockholm", 57.9, 11.6),
    ("Thistlecombe", "Devon", "United Kingdom", "GB", "GBP", "Europe/London", 50.6, -3.9),
)
STREETS = ("Lantern", "Driftwood", "Harbour", "Juniper", "Old Mill", "Saltmarsh", "Sunrise", "Windmill", "Wren")
ADJECTIVES = ("Airy", "Bright", "Cosy", "Hidden", "Lakeside", "Modern", "Quiet", "Rustic", "Sunny", "Vintage")
HOMES = ("Cottage", "Loft", "Villa", "Cabin", "Studio", "Townhouse", "Penthouse", "Bungalow", "Farmhouse")
ROOMS = ("living room", "kitchen", "main bedroom", "second bedroom", "bathroom", "terrace", "garden", "street view")
AMENITIES = (
    "Air conditioning", "Balcony", "Barbecue", "Bath towels", "Bed linens", "Bicycles", "Board games", "Books",
    "Carbon monoxide detector", "Coffee maker", "Cookware", "Crib", "Dishwasher", "Dryer", "Elevator",
    "Fire extinguisher",
    "Fireplace", "First aid kit", "Free parking", "Freezer", "Garden", "Hair dryer", "Hangers", "Heating", "High chair",
    "Hot tub", "Hot water", "Internet", "Iron", "Kettle", "Kitchen", "Lake access", "Laptop workspace", "Microwave",
    "Mosquito net", "Oven", "Patio", "Pool", "Private entrance", "Refrigerator", "Safe", "Sauna", "Shampoo",
    "Smart lock",
    "Smoke detector", "Stove", "Toaster", "TV", "Washing machine", "Wine glasses", "Wireless",
)  # fmt: skip
SENTENCES = (
    "The house sits at the end of a quiet lane, five minutes on foot from the water.",
    "Mornings are best on the terrace, where the sun arrives before the neighbours do.",
    "The kitchen has everything for a long weekend of cooking, sharp knives included.",
    "Please leave sandy shoes on the porch; the floors will thank you.",
    "A bus to the old town stops at the corner every twenty minutes.",
    "The second bedroom doubles as an office with a proper desk and a fast connection.",
    "Firewood is stacked behind the shed, and the first basket is on us.",
)
GUEST_MESSAGES = (
    "Hi! Is it possible to check in around noon? Our flight lands early ✈️",
    "Hello,\n\nwe are two adults and one toddler.\nIs there a crib in the house?\n\nThanks!",
    "The door code does not work 😕 can you help?",
    "Thank you so much, we had a lovely time 🙏🏽❤️",
    "Is parking included in the price?",
    "مرحبا، هل يمكننا الوصول بعد منتصف الليل؟ شكرا 🌙",
    "שלום, האם יש מכונת כביסה בדירה? תודה!",
    "¿Se permiten perros pequeños? 🐶",
    "Bonjour, où peut-on trouver les clés ? Merci d'avance.",
    "こんにちは。Wi-Fiのパスワードを教えてください。",
    "We would like to extend our stay by one night, what would that cost?",
    "Great, see you on Friday 👍",
    "ok",
)
HOST_MESSAGES = (
    "Hello and thank you for your booking! Check-in starts at 16:00, your code follows the day before.",
    "Yes, there is a free parking space right in front of the house 🚗",
    "Good morning!\n\nA quick reminder:\n- check-out is at 10:00\n- please start the dishwasher\n\nSafe travels!",
    "Sorry about that. Please press the star key after the code and try again.",
    "An early check-in is possible from 13:00, no extra charge 😊",
    "אין בעיה, נשמח לארח אתכם!",
    "أهلا وسهلا، يسعدنا استقبالكم 🌟",
    "We can add the extra night at the same rate. Shall I send you the alteration?",
)
HTML_REPLIES = (
    '<div dir="ltr">Hello,<br><br>thank you for your message.&nbsp;Yes, the pool is heated.<br></div>',
    "<p>Dear guest,</p><p>your arrival is confirmed for <b>16:00</b>.&nbsp; See you soon &amp; safe travels!</p>",
    "<div><p>Hi &#128075;</p><ul><li>towels: in the hall</li><li>bins: Tuesday</li></ul><p>&nbsp;</p></div>",
)
AUTOMATIONS = (
    ("arrival", "Your arrival", "Hello! Tomorrow is the day 🎉\n\nDoor code and directions are in your guest portal."),
    ("departure", "Before you leave", "We hope you enjoyed your stay. Check-out is at 10:00, just pull the door shut."),
    ("reservationNew", "Booking confirmed", "Thank you for booking with us! We will write again before your arrival."),
    ("messageReceived", "We got your message", "Thanks for writing. A member of our team answers within the hour."),
)
REVIEWS = (
    "Spotless, quiet and exactly as described. We would come back at once ⭐",
    "Lovely place. The shower pressure could be better, everything else was great.",
    "Perfekte Lage, sehr freundliche Gastgeber!",
    "Good value. Finding the key box in the dark took a while.",
)
HOST_REVIEWS = ("Wonderful guests, welcome back any time.", "Left the house tidy, clear communication.")
NOTES = ("Late arrival, ask for flight number.", "Second stay with us.", "Needs invoice\nwith company name.")
TASKS = (("Departure cleaning", 1), ("Check smoke detectors", 2), ("Welcome guests", 3), ("Collect keys", 4))
LOCALES = ("en", "en", "en", "en", "es", "fr", "de", "ar", "he", "ja")
