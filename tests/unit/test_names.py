"""Names as they would be printed, whatever the till made of them."""

from __future__ import annotations

import pytest

from shared.knowledge.names import tidy, without_size


@pytest.mark.parametrize(
    ("shouted", "tidied"),
    [
        ("FLUID MILK WHITE ONLY", "Fluid milk white only"),
        ("FRZN BAGGED VEGETABLES - PLAIN", "Frozen bagged vegetables, plain"),
        ("BAKED BREAD/BUNS/ROLLS", "Baked bread, buns, rolls"),
        ("REFRGRATD JUICES/DRNKS", "Refrigerated juices, drinks"),
        ("DAIRY CASE 100% PURE JUICE - O 59 OZ", "Dairy case 100% pure juice 59 oz"),
        ("DAIRY CASE TEA WITH SUGAR OR S 1 GA", "Dairy case tea with sugar 1 gal"),
        ("SFT DRNK 2 LITER BTL CARB INCL 2 L", "Soft drink 2 liter bottle carbonated 2 L"),
        ("SANDWICH COOKIES 5 1/4 OZ", "Sandwich cookies 5 1/4 oz"),
        ("SPRING WATER 12/8 OZ", "Spring water"),
        ("ONIONS SWEET (BULK&BAG) 40 LB", "Onions sweet 40 lb"),
        ("HOT DOG BUNS 8CT", "Hot dog buns 8 ct"),
        ("PHONE WITH 5G", "Phone with 5g"),
        ("OAT DRINK 1.5L", "Oat drink 1.5 L"),
        ("SALT_AND VINEGAR", "Salt and vinegar"),
        ("CHIPS/SNACKS", "Chips, snacks"),
        ("100% JUICE", "100% Juice"),
        ("  TWO   WORDS ", "Two words"),
        ("ÉCLAIR", "Éclair"),
        ("ЧАЙ ЗЕЛЁНЫЙ", "Чай зелёный"),
        ("iPhone case", "iPhone case"),
        ("42", "42"),
        ("", ""),
        ("IPA", "IPA"),
        ("TEA", "Tea"),
        ("USB CABLE", "USB cable"),
        ("XL", "XL"),
        ("Oatly Oat Milk", "Oatly Oat Milk"),
        ("حليب", "حليب"),
    ],
)
def test_names_are_set_as_they_would_be_printed(shouted, tidied):
    assert tidy(shouted) == tidied


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Hot dog buns 8 ct", "Hot dog buns"),
        ("Orange Juice 1.5L", "Orange Juice"),
        ("Wein 0,75 l", "Wein"),
        ("7 up", "7 up"),
        ("12 oz", "12 oz"),
    ],
)
def test_a_name_is_said_without_the_size_of_its_packet(name, said):
    assert said == without_size(name)


@pytest.mark.parametrize("name", ["FLUID MILK WHITE ONLY", "HOT DOG BUNS 8CT", "SPRING WATER 12/8 OZ", "GRÜNE ÄPFEL"])
def test_a_tidy_name_is_left_as_it_is(name):
    assert tidy(tidy(name)) == tidy(name)
